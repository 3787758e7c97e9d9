using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Domain;

namespace Kata.Adapters.Qemu;

/// <summary>
/// Commands to one QEMU in the core's terms: failures have kinds, and the end of a device is waited for.
/// </summary>
internal sealed class QemuControl : IAsyncDisposable
{
    private readonly QmpClient _qmp;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TaskCompletionSource> _leaving = [];
    private readonly Dictionary<string, TaskCompletionSource<int>> _answers = [];
    private readonly Task _listening;

    public QemuControl(QmpClient qmp)
    {
        _qmp = qmp;
        _listening = ListenAsync();
    }

    /// <summary>Executes a command; <paramref name="what"/> completes the sentence "QEMU did not …".</summary>
    public Task<JsonElement> ExecuteAsync(string command, string what, CancellationToken ct) =>
        ExecuteAsync<object>(command, null, null, what, ct);

    /// <summary>Executes a command with arguments.</summary>
    public Task<JsonElement> ExecuteAsync<T>(
        string command, T? arguments, JsonTypeInfo<T>? type, string what, CancellationToken ct) =>
        ExecuteAsync(command, arguments, type, null, what, ct);

    /// <summary>Gives QEMU an open file under a name; ours can be closed then.</summary>
    public Task GiveAsync(string name, SafeHandle descriptor, CancellationToken ct) => ExecuteAsync(
        "getfd", new ByDescriptorName(name), QmpJson.Default.ByDescriptorName, descriptor,
        $"take the descriptor {name}", ct);

    private async Task<JsonElement> ExecuteAsync<T>(
        string command, T? arguments, JsonTypeInfo<T>? type, SafeHandle? descriptor, string what, CancellationToken ct)
    {
        try
        {
            return await _qmp.ExecuteAsync(command, arguments, type, descriptor, ct);
        }
        catch (QmpException failure)
        {
            var kind = failure.IsConnectionLost ? ErrorKind.Unavailable
                : failure.ErrorClass == "DeviceNotFound" ? ErrorKind.NotFound
                : QemuHints.IsExhausted([failure.Message]) ? ErrorKind.ResourceExhausted
                : ErrorKind.FailedPrecondition;
            throw new KataException(kind, $"QEMU did not {what}: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// Asks the guest to let a device go and waits until it has. A device that is gone is no failure.
    /// </summary>
    public async Task RemoveDeviceAsync(string id, TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        // device_del answers before the guest has released it; DEVICE_DELETED is the event that means it.
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _leaving[id] = gone;
        try
        {
            await AskToLeaveAsync(id, ct);
            await gone.Task.WaitAsync(limit, time, ct);
        }
        catch (KataException unknown) when (unknown.Kind == ErrorKind.NotFound)
        {
            // It went without us.
        }
        catch (TimeoutException)
        {
            throw new KataException(
                ErrorKind.DeadlineExceeded, $"the guest did not let device {id} go within {limit.TotalSeconds} s");
        }
        finally
        {
            lock (_gate)
                _leaving.Remove(id);
        }
    }

    private async Task AskToLeaveAsync(string id, CancellationToken ct)
    {
        try
        {
            await ExecuteAsync("device_del", new ById(id), QmpJson.Default.ById, $"remove device {id}", ct);
        }
        catch (KataException asked)
            when (asked.Message.Contains("already in the process of unplug", StringComparison.Ordinal))
        {
            // The guest has been asked before, and has not answered yet.
        }
    }

    /// <summary>
    /// What the guest will say of a device that is about to be added: the status of its first <c>_OST</c>, 0 if it has
    /// taken it. Fails when the connection is lost.
    /// </summary>
    public Task<int> ExpectAnswer(string id)
    {
        var answer = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _answers[id] = answer;
        return answer.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await _qmp.DisposeAsync();
        await _listening;
    }

    private async Task ListenAsync()
    {
        await foreach (var happened in _qmp.Events.ReadAllAsync())
        {
            if (happened.Data is not { ValueKind: JsonValueKind.Object } data)
                continue;
            if (happened.Name == "DEVICE_DELETED")
                TellDeleted(data);
            else if (
                happened.Name == "ACPI_DEVICE_OST" && data.TryGetProperty("info", out var info)
                    && info.ValueKind == JsonValueKind.Object)
                TellAnswer(info);
        }
        var reason = await _qmp.Closed;
        lock (_gate)
        {
            foreach (var gone in _leaving.Values)
                gone.TrySetException(new KataException(ErrorKind.Unavailable, $"QMP connection lost: {reason}"));
            foreach (var answer in _answers.Values)
                answer.TrySetException(new KataException(ErrorKind.Unavailable, $"QMP connection lost: {reason}"));
        }
    }

    private void TellDeleted(JsonElement data)
    {
        // Inner parts of a device have no id of their own.
        if (!data.TryGetProperty("device", out var device) || device.ValueKind != JsonValueKind.String)
            return;
        lock (_gate)
        {
            if (_leaving.TryGetValue(device.GetString()!, out var gone))
                gone.TrySetResult();
        }
    }

    private void TellAnswer(JsonElement info)
    {
        if (!info.TryGetProperty("device", out var device) || device.ValueKind != JsonValueKind.String
            || !info.TryGetProperty("status", out var status) || status.ValueKind != JsonValueKind.Number
            || !status.TryGetInt32(out var code))
            return;
        lock (_gate)
        {
            if (_answers.Remove(device.GetString()!, out var answer))
                answer.TrySetResult(code);
        }
    }
}
