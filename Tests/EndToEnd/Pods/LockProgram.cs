using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>
/// A program for containers that uses a file as one process among others does: busybox has no way to a unix socket by
/// its path, nor to locks. Built by the machine's C compiler, which the binaries under test need too.
/// </summary>
internal static class LockProgram
{
    private const string Source =
        """
        #include <fcntl.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/file.h>
        #include <sys/mman.h>
        #include <sys/socket.h>
        #include <sys/un.h>
        #include <unistd.h>

        /* serve PATH: answers "served" to whoever connects. connect PATH: prints what the server answers.
           flock PATH, lock PATH: takes the lock, or ends with 1 if another has it; then says "held" and holds it for ever.
           map PATH WORD: writes WORD by a shared mapping. read PATH: prints what such a mapping shows. */
        int main(int count, char **word)
        {
            if (count < 3) return 2;
            struct sockaddr_un at = { .sun_family = AF_UNIX };
            strncpy(at.sun_path, word[2], sizeof at.sun_path - 1);
            char text[64] = { 0 };
            if (!strcmp(word[1], "serve")) {
                int s = socket(AF_UNIX, SOCK_STREAM, 0);
                if (bind(s, (void *)&at, sizeof at) || listen(s, 4)) return perror("serve"), 1;
                for (;;) { int c = accept(s, 0, 0); write(c, "served\n", 7); close(c); }
            }
            if (!strcmp(word[1], "connect")) {
                int s = socket(AF_UNIX, SOCK_STREAM, 0);
                if (connect(s, (void *)&at, sizeof at)) return perror("connect"), 1;
                return read(s, text, sizeof text - 1) > 0 ? printf("%s", text), 0 : 1;
            }
            int f = open(word[2], O_RDWR | O_CREAT, 0644);
            if (f < 0) return perror("open"), 2;
            if (!strcmp(word[1], "map") || !strcmp(word[1], "read")) {
                if (ftruncate(f, 64)) return perror("ftruncate"), 2;
                char *shown = mmap(0, 64, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
                if (shown == MAP_FAILED) return perror("mmap"), 2;
                if (count > 3) strncpy(shown, word[3], 63); else return printf("%.63s\n", shown), 0;
            } else {
                struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
                if (!strcmp(word[1], "flock") ? flock(f, LOCK_EX | LOCK_NB) : fcntl(f, F_SETLK, &whole)) return 1;
            }
            printf("held\n");
            fflush(stdout);
            for (;;) pause();
        }
        """;

    /// <summary>Builds it into a folder and answers its path.</summary>
    public static async Task<string> BuildAsync(string folder)
    {
        var source = Path.Combine(folder, "peer.c");
        var program = Path.Combine(folder, "peer");
        await File.WriteAllTextAsync(source, Source);
        (await Command.RunAsync("cc", ["-static", "-O1", "-w", "-o", program, source])).Exited(0);
        return program;
    }
}
