# /// script
# dependencies = []
# ///

# /// script
# ///
