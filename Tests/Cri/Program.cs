using System.Globalization;
using Grpc.Core;
using Kata.Tests.Cri;

const string Usage =
    """
    usage: Kata.Tests.Cri COMMAND …          with the socket in CONTAINER_RUNTIME_ENDPOINT
      ready IMAGE…                           waits for the runtime, its network and the images
      runp HANDLER POD.json                  prints the pod's id
      run PODID POD.json CONTAINER.json      creates and starts a container; prints its id
      ip PODID
      exec ID COMMAND…                       exits with the command's code
      stats ID…
      stopp PODID | rmp PODID
    """;

if (args.Length < 2 || Environment.GetEnvironmentVariable("CONTAINER_RUNTIME_ENDPOINT") is not { Length: > 0 } socket)
{
    Console.Error.WriteLine(Usage);
    return 2;
}

try
{
    using var commands = new PodCommands(new CriClient(socket));
    return await commands.RunAsync(args[0], args[1..]);
}
catch (RpcException e)
{
    Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{args[0]}: {e.StatusCode}: {e.Status.Detail}"));
    return 1;
}
