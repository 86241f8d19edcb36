"""What is done about Docker's requests: one module for each family of methods, and what they share.

`assembly` puts the parts together; what a request asks for is read by `options`.
"""
