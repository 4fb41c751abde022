//! HTTP's JSON and parameters to WIT values and back, driven only by a component's own WIT.
