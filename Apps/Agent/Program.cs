using Kata.Apps.Agent;
using Kata.Apps.Agent.Boot;

return args switch
{
    ["--version"] or ["-v"] => AgentProgram.PrintVersion(),
    ["--listen", var address, "--root", var root] => await AgentProgram.RunBesideAsync(address, root),
    _ when Environment.ProcessId == 1 => GuestInit.Run(),
    _ => AgentProgram.PrintUsage(),
};
