"""What every runtime program shares: its environment, its log, its last words and its exit code."""
