"""Graphs as native code, by LLVM."""
