"""Files that follow from the code: CRDs, the chart's copies of them and its RBAC, and the API reference."""
