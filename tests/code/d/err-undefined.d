BEGIN { x = nosuchthing; }
