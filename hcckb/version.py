"""The version of the software, where the build, the command line and every result read it."""

VERSION = "0.1.0"
