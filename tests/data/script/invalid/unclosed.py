#!/usr/bin/env python3
# /// script
# dependencies = ["six"]

print("hello")
