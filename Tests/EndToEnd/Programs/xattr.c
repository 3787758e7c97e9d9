/* Extended attributes in hexadecimal, for images and hosts that have no tool for them.
 *   xattr set PATH NAME HEX | get PATH NAME | remove PATH NAME | list PATH
 * What the kernel refuses is printed on standard output, and the exit code is 1. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static unsigned char value[65536];

static int refused(void)
{
    puts(strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[1] : "";
    ssize_t length;

    if (!strcmp(verb, "set") && argc == 5) {
        size_t size = strlen(argv[4]) / 2;
        for (size_t i = 0; i < size; i++)
            sscanf(argv[4] + 2 * i, "%2hhx", &value[i]);
        return setxattr(argv[2], argv[3], value, size, 0) < 0 ? refused() : 0;
    }
    if (!strcmp(verb, "get") && argc == 4) {
        if ((length = getxattr(argv[2], argv[3], value, sizeof value)) < 0)
            return refused();
        for (ssize_t i = 0; i < length; i++)
            printf("%02x", value[i]);
        return puts("") < 0;
    }
    if (!strcmp(verb, "remove") && argc == 4)
        return removexattr(argv[2], argv[3]) < 0 ? refused() : 0;
    if (!strcmp(verb, "list")) {
        if ((length = listxattr(argv[2], (char *)value, sizeof value)) < 0)
            return refused();
        for (char *name = (char *)value; name < (char *)value + length; name += strlen(name) + 1)
            puts(name);
        return 0;
    }
    return 2;
}
