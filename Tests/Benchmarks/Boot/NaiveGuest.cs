using Kata.Tests.Benchmarks.Host;
using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Boot;

/// <summary>
/// The same kernel and agent, booted as one does who does not look: the distribution's bzImage, an initrd with gzip,
/// and every module, with its signature, before the agent listens.
/// </summary>
internal static class NaiveGuest
{
    // An uncompressed archive with device nodes may stand before the compressed one; it stays as it is. The modules are
    // replaced by the package's own.
    private const string Script =
        """
        set -eu
        guest=$1 package=$2 out=$3
        work=$(mktemp -d "$out/.work.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        mkdir "$work/root"
        front=$(LC_ALL=C grep -obUaP -m1 '\x02\x21\x4c\x18' "$guest/initrd.img" | head -n 1 | cut -d: -f1)
        head -c "$front" "$guest/initrd.img" > "$work/initrd.gz"
        (cd "$work/root" && tail -c "+$((front + 1))" "$guest/initrd.img" | lz4 -q -d -c | cpio -i --quiet -m)
        find "$work/root" -name '*.ko' | while read -r module; do
            original=$(find "$package/lib/modules" -name "${module##*/}*" | head -n 1)
            case $original in
                *.xz) xz -d -c "$original" > "$module" ;;
                *) cp "$original" "$module" ;;
            esac
        done
        cat "$work/root/etc/kata/modules.late" >> "$work/root/etc/kata/modules.early"
        : > "$work/root/etc/kata/modules.late"
        (cd "$work/root" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip >> "$work/initrd.gz"
        cp "$package"/boot/vmlinuz-* "$work/bzImage"
        mv "$work/bzImage" "$work/initrd.gz" "$out/"
        """;

    /// <summary>Makes it, unless it was made of the same guest.</summary>
    public static async Task<GuestFiles> MakeAsync()
    {
        var guest = new DirectoryInfo(ShimConfiguration.Guest).ResolveLinkTarget(returnFinalTarget: true)?.FullName
            ?? ShimConfiguration.Guest;
        var package = Path.Combine(Repository.Artifacts, "packages", "guest-trixie", "root");
        var directory = Path.Combine(Repository.Artifacts, "bench", Path.GetFileName(guest));
        var files = new GuestFiles(
            Path.Combine(directory, "bzImage"), Path.Combine(directory, "initrd.gz"),
            $"panic=-1 reboot=t {GuestFiles.Emulated}");
        if (File.Exists(files.Initrd))
            return files;

        if (Directory.Exists(Path.Combine(Repository.Artifacts, "bench")))
            Directory.Delete(Path.Combine(Repository.Artifacts, "bench"), recursive: true);
        Directory.CreateDirectory(directory);
        (await Command.RunAsync("bash", ["-c", Script, "naive", guest, package, directory],
            limit: TimeSpan.FromMinutes(3))).Exited(0);
        return files;
    }
}
