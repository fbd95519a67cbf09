"""Pictures of a run, as vectors and as PNG: one look, consistent sizes and names.

``accuracy``, ``confusion``, ``training`` and ``leak`` draw tables; ``windows`` what windows cover;
``embedding`` where clips lie to each other; ``crops`` what the network is shown; ``motion`` slices
through time and videos. ``style`` holds what they share.
"""
