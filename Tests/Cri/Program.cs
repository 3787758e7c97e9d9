using System.Globalization;
using Grpc.Core;
using Kata.Tests.Cri;

const string Usage =
    """
    usage: Kata.Tests.Cri COMMAND …          with the socket in CONTAINER_RUNTIME_ENDPOINT
           Kata.Tests.Cri -                  commands from its input, a line each, words ended by the unit separator (\037);
                                             each answer is ended by the record separator (\036) and a line with the code
      ready IMAGE…                           waits for the runtime, its network and the images
      runp HANDLER POD.json                  prints the pod's id
      run PODID POD.json CONTAINER.json      creates and starts a container; prints its id
      ip PODID
      exec ID COMMAND…                       exits with the command's code
      stats ID…
      stopp PODID | rmp PODID
    """;

if (args is not ["-"] and not [_, _, ..]
    || Environment.GetEnvironmentVariable("CONTAINER_RUNTIME_ENDPOINT") is not { Length: > 0 } socket)
{
    Console.Error.WriteLine(Usage);
    return 2;
}

using var commands = new PodCommands(new CriClient(socket));
if (args is not ["-"])
    return await RunAsync(args);

while (Console.ReadLine() is { } line)
{
    var code = await RunAsync(line.TrimEnd('\u001f').Split('\u001f'));
    Console.Write(string.Create(CultureInfo.InvariantCulture, $"\u001e{code}\n"));
}

return 0;

async Task<int> RunAsync(string[] words)
{
    try
    {
        return await commands.RunAsync(words[0], words[1..]);
    }
    catch (RpcException e)
    {
        Console.Error.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{words[0]}: {e.StatusCode}: {e.Status.Detail}"));
        return 1;
    }
}
