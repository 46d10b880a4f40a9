"""What the demo needs: a small embedding model, and a way to cut the files of a folder. It comes with the extra ``demo``."""
