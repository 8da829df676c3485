"""A script."""
# /// script
# dependencies = [
#   six
# ]
# ///
