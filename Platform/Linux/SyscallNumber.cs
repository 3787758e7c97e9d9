using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>Numbers for <c>syscall(2)</c>. From 424 on all architectures share them.</summary>
internal static class SyscallNumber
{
    internal const int PidfdSendSignal = 424;
    internal const int OpenTree = 428;
    internal const int MoveMount = 429;
    internal const int PidfdOpen = 434;
    internal const int Openat2 = 437;
    internal const int MountSetattr = 442;

    internal static readonly int Bpf = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 280 : 321;
    internal static readonly int FinitModule = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 273 : 313;
    internal static readonly int Getdents64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;
}
