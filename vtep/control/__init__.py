"""The control API of a running daemon, over a Unix socket or TCP.

`listener` opens the sockets, `application` serves them; `http` is plumbing, `api` the handlers,
`client` the library that commands use, `page` the live web page.
"""
