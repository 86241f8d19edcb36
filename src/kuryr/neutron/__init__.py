"""A thin, typed, thread-safe client of Neutron.

One module per resource family over one door: every HTTP call passes `api.Api.request`, and every failure passes
`faults`, so that request ids, time-outs, measurements and error texts are decided in one place each.
`session.connect` finds the credentials; `client.Neutron` is what the rest of Kuryr holds.
"""
