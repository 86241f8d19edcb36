"""The networks of the engine of one host: found or made in Neutron, recorded there, and taken away again."""
