"""What the cage costs, measured beside the blog post's own script and beside no cage."""
