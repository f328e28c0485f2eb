/* strtok(): where it is, is kept from clause to clause of one firing; another string starts anew; separators may change. */
BEGIN { this->s = "/usr/local:bin,share"; }
BEGIN { printf("%s\n", strtok(this->s, "/")); }
BEGIN { printf("%s\n", strtok(NULL, "/:")); }
BEGIN { printf("%s\n", strtok(NULL, ",")); printf("%s\n", this->s); }
BEGIN { this->a = strtok(NULL, ","); this->b = strtok(NULL, ","); printf("%s %d\n", this->a, this->b == NULL); }
BEGIN { printf("[%s] [%s]\n", strtok("   ", " "), strtok("one", "")); }
BEGIN { this->n = strtok("x", " "); printf("%d\n", strtok(NULL, " ") == NULL); }
END { printf("%d\n", strtok(NULL, "/") == NULL); }
