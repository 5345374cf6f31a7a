"""Which photos are of one recording: a video, a burst, a session of a webcam."""
