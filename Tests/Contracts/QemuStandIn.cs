using Kata.Platform.Linux;

namespace Kata.Tests.Contracts;

/// <summary>
/// Programs that stand in for QEMU and for our own <c>spawn</c> verb, so that the tests need neither. Written in the
/// Perl that every Debian has, since a shell cannot accept on a descriptor.
/// </summary>
internal static class QemuStandIn
{
    private const string Works = """
        #!/usr/bin/perl
        # Greets on the listener it was started with and agrees to everything.
        use strict; use IO::Handle;
        $| = 1; print "Booting\n";
        open(my $listener, '+<&=', 3) or die "no listener: $!";
        accept(my $client, $listener) or die "no client: $!";
        $client->autoflush(1);
        print $client qq({"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\n);
        while (my $line = <$client>) {
            next unless $line =~ /"id":(\d+)/;
            print $client qq({"return": {}, "id": $1}\n);
        }
        sleep 1000;
        """;

    private const string ExitsAtOnce = """
        #!/bin/sh
        echo "qemu: could not load kernel '/boot/vmlinux'" >&2
        exit 1
        """;

    private const string NeverAnswers = """
        #!/bin/sh
        exec sleep 1000
        """;

    private const string Launcher = """
        #!/usr/bin/perl
        use strict;
        my ($status, $score);
        shift;
        while (defined(my $option = shift)) {
            last if $option eq '--';
            my $value = shift;
            $status = $value if $option eq '--status-fd';
            $score = $value if $option eq '--oom-score-adj';
        }
        if (defined $score) { open(my $file, '>', '/proc/self/oom_score_adj'); print $file $score; close($file); }
        open(my $report, '>&=', $status) or die; fcntl($report, 2, 1) or die;
        exec { $ARGV[0] } @ARGV or syswrite($report, "2 execv $ARGV[0]");
        exit 127;
        """;

    private static readonly string Folder = Write();

    /// <summary>The path of a stand-in for QEMU.</summary>
    public static string Qemu(VmmBehaviour behaviour) => Path.Combine(Folder, behaviour.ToString());

    /// <summary>
    /// Lets processes be placed without a binary of ours; of the places only the score for memory's end is
    /// entered.
    /// </summary>
    public static void UseLauncher() =>
        ProcessSpawner.LauncherPath = Environment.GetEnvironmentVariable("KATA_TEST_LAUNCHER")
            ?? Path.Combine(Folder, "launcher");

    private static string Write()
    {
        var folder = Directory.CreateTempSubdirectory("stand-in").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        foreach (var (name, text) in ((string, string)[])[
            (nameof(VmmBehaviour.Works), Works), (nameof(VmmBehaviour.ExitsAtOnce), ExitsAtOnce),
            (nameof(VmmBehaviour.NeverAnswers), NeverAnswers), ("launcher", Launcher)])
        {
            var path = Path.Combine(folder, name);
            File.WriteAllText(path, text + "\n");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        return folder;
    }
}
