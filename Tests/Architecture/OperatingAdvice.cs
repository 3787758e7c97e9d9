namespace Kata.Tests.Architecture;

/// <summary>What an operator does about the warnings and errors of the log, by their number.</summary>
internal static class OperatingAdvice
{
    private const string Bug = "a fault of the program: report it with the lines around it";
    private const string Retried = "nothing; it goes on by itself";

    public static IReadOnlyDictionary<int, string> Of { get; } = new Dictionary<int, string>
    {
        [1004] = Bug,
        [1005] = Bug,
        [1100] = "the reason says who uses it; the next delete, or `kata-runtime reap`, tries again",
        [1101] = "the VM is killed; data that the guest had not written may be missing. If it repeats: the guest is overloaded",
        [1102] = "nothing if no 1100 follows: what it held is released by the ledger",
        [1103] = "remove `/run/vc/sbs/ID` if no shim of that sandbox runs, or `kata-runtime reap`",
        [1104] = "nothing if no 1100 follows; if it repeats, the host is too busy or its disk hangs",
        [1152] = "the message names the phase that failed, why, and often a hint; `kata-runtime timeline ID` has the times",
        [1153] = "`kata-runtime reap`",
        [1154] = "the reason and the guest's console say why; the pod is started anew by its manager",
        [1156] = "kills for lack of memory are no longer reported as events for this pod; the limits hold all the same",
        [1157] = "room on `/run`; only `kata-runtime list` reads it",
        [1158] = "the hook's own message says why; the container runs",
        [1160] = "a process in the container ignores its end, or the guest hangs; the end of the pod frees it",
        [1161] = "take it out of the pod's definition if the container needs it: a VM cannot have it",
        [1162] = "nothing if the container does not need the host's own; else run it with another runtime",
        [1170] = "raise `default_maxvcpus`, or lower the pod's CPU limits",
        [1171] = "the container runs with fewer vCPUs; the reason says what the guest or the VMM refused",
        [1174] = "nothing: surplus vCPUs cost little",
        [1175] = "volumes in memory keep their old size; the guest's agent is an older one",
        [1176] = "raise `overhead.podFixed` of the RuntimeClass",
        [1177] = "see whether the pod's cgroup can still be written; without it the pod's CPU limit does not hold",
        [1178] = "the container uses other vCPUs than were chosen; the guest's reason says why",
        [1182] = Retried,
        [1186] = "names of a user-defined Docker network do not resolve in this container; the guest's image may be an older one",
        [1192] = "the pod keeps the network that it had; restart it to take the change up",
        [1206] = "nothing: its container manager was killed before it made a container",
        [1209] = Retried,
        [1220] = "the guest hangs or is lost; a line with its reason follows",
        [1221] = "output may be missing; the guest hangs or is lost",
        [1222] = "input may be missing; the guest hangs or is lost",
        [1226] = "nothing: the VM is ended for it. If it repeats, a process hangs in the guest's kernel, mostly on a slow volume",
        [1250] = "the reason names what is left; `kata-runtime reap`",
        [1251] = "containerd was not there; it asks for the state when it is back",
        [2002] = Bug,
        [2004] = Bug,
        [2100] = "containerd did not take it; it asks for the state when it needs it",
        [2101] = "see whether containerd runs; the event is sent again",
        [2102] = "containerd was not there; it asks for the state when it is back",
        [2104] = "CRI-O does not see that the container was killed for lack of memory; see whether its bundle can be written",
        [2500] = "`kata-runtime direct-volume stats` and `resize` do not work for this pod; see whether `/run/vc/sbs` can be written",
        [4001] = "load `kvm_intel` or `kvm_amd`, give access to `/dev/kvm`; in a VM, have nested virtualization enabled",
    };
}
