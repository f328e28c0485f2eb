// run: -q off
BEGIN
{
}
END
{
}
