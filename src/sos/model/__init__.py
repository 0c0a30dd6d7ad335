"""What things are: names, messages, addresses, tokens, errors. Pure data and rules, no I/O."""
