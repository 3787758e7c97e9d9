using Kata.Core.Application.Messaging;
using Kata.Core.Domain;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using ISender = Kata.Core.Application.Messaging.ISender;

namespace Kata.Apps.Admin;

/// <summary>How each command reaches the core.</summary>
internal static class Question
{
    /// <summary>
    /// Sends a request, prints its reply and answers the exit code that the printing gives; a failure is told on
    /// standard error and is 1. The request is made here, so that what cannot be parsed is such a failure too.
    /// </summary>
    public static async Task<int> AskAsync<TReply>(
        Func<IRequest<TReply>> request, Func<TReply, int> print, CancellationToken ct)
    {
        try
        {
            await using var services = AdminComposition.Build();
            return print(await services.GetRequiredService<ISender>().Send(request(), ct));
        }
        catch (KataException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    /// <summary>Sends a request whose reply says nothing.</summary>
    public static Task<int> AskAsync(Func<IRequest<Done>> request, CancellationToken ct) =>
        AskAsync(request, _ => 0, ct);
}
