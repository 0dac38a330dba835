"""What the commands do, one file each; `cli` reads their words."""
