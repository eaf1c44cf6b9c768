"""`vtep decode`: VXLAN datagrams from hexadecimal, pcap and pcapng, field by field."""
