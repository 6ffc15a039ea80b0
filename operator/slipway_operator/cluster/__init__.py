"""The only package that talks to the API server and to the model store's gateway."""
