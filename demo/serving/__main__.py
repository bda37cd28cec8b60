"""`python -m demo.serving`: the serving host; see `demo.serving.host`.

Nothing is imported at the top: each scoring server, a fork, loads this module under another name.
"""

if __name__ == "__main__":
    import sys

    from demo.serving.host import main

    sys.exit(main())
