using Kata.Core.Domain;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Messaging;

/// <summary>
/// One line when a request enters, one when it leaves with its duration, and a bound for those that have none.
/// </summary>
internal sealed class RequestBehavior<TRequest, TReply>(
    ILogger<RequestBehavior<TRequest, TReply>> log, TimeProvider time)
    : IPipelineBehavior<TRequest, TReply>
    where TRequest : IRequest<TReply>
    where TReply : class
{
    // Longer than the agent client's own 60 s, so that its more telling failure comes first.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(90);

    public async Task<TReply> Handle(TRequest request, CancellationToken ct, RequestHandlerDelegate<TReply> next)
    {
        var name = typeof(TRequest).Name;
        var begin = time.GetTimestamp();
        RequestLog.Entered(log, name);
        try
        {
            var reply = request is IUnbounded
                ? await next()
                : await next().WaitAsync(Bound, time, CancellationToken.None);
            RequestLog.Left(log, name, time.GetElapsedTime(begin).TotalMilliseconds);
            return reply;
        }
        catch (KataException e)
        {
            RequestLog.Refused(log, name, time.GetElapsedTime(begin).TotalMilliseconds, e.Kind, e.Message);
            throw;
        }
        catch (TimeoutException e)
        {
            RequestLog.Refused(log, name, Bound.TotalMilliseconds, ErrorKind.DeadlineExceeded, e.Message);
            throw new KataException(
                ErrorKind.DeadlineExceeded, $"{name} did not end within {Bound.TotalSeconds:0} s", e);
        }
        catch (OperationCanceledException)
        {
            RequestLog.Abandoned(log, name, time.GetElapsedTime(begin).TotalMilliseconds);
            throw;
        }
        catch (Exception e)
        {
            RequestLog.Broke(log, name, e);
            throw;
        }
    }
}
