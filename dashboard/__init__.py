"""The web application: REST, websockets and the control-room page."""
