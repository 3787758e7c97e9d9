using System.CommandLine;
using Kata.Apps.Admin.Commands;

var root = new RootCommand("Looks at Kata.Hex on this host: what it can run, what runs, and how each start went.")
{
    CheckCommand.Create(),
    ListCommand.Create(),
    TimelineCommand.Create(),
    ReapCommand.Create(),
    DirectVolumeCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
