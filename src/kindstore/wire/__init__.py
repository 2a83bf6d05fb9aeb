"""The forms in which others write entities: messages of google.datastore.v1, and App Engine's protocol buffers."""
