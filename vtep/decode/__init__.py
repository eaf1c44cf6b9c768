"""vtep decode: VXLAN datagrams from hex, pcap and pcapng, field by field."""
