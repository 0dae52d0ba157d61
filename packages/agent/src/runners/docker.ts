import http from 'node:http';
import { concatBytes, errorText, fromUtf8, quoteGo } from '@proconsul/base';
import { type CheckType, type RawResult, statusOfExitCode, TailBuffer } from '@proconsul/checks';
import { errnoText } from './go-text.ts';
import { critical, type Deadline, deadlineOf, onAbort, type RunContext } from './runner.ts';

export const DOCKER_HOST_DEFAULT = 'unix:///var/run/docker.sock';
/** Bytes of an answer of the engine, other than a command's output, that are read. */
export const DOCKER_ANSWER_SIZE_MAX = 64 * 1024;

/** Where the engine listens. `base` is the address as errors show it. */
interface Engine {
  readonly base: string;
  /** What Go calls the dial: `unix /var/run/docker.sock`. */
  readonly dial: string;
  readonly request: http.RequestOptions;
}

/** An engine that could not be asked; the message is Go's whole text. */
class EngineError extends Error {}

/**
 * Runs the command in a container, through the engine's HTTP API, and takes its exit code as a script's. `Shell` is not
 * used. Source: Docker Engine API (exec create, start, inspect; attach stream format); texts from the reference agent.
 */
export async function runDocker(check: CheckType, context: RunContext): Promise<RawResult> {
  const container = check.DockerContainerID;
  const deadline = deadlineOf(context);
  const output = new TailBuffer(context.outputMaxSize);
  try {
    const engine = parseDockerHost(context.dockerHost);
    const id = await createExec(engine, container, check.ScriptArgs, deadline);
    await startExec(engine, container, id, output, deadline);
    const code = await exitCode(engine, container, id, deadline);
    return { status: statusOfExitCode(code), output: output.textWithNotice() };
  } catch (error) {
    return critical(errorText(error));
  } finally {
    deadline.release();
  }
}

/** Reads DOCKER_HOST: `unix:///path`, `tcp://host:port` or `http://host:port`. Throws EngineError. */
export function parseDockerHost(dockerHost: string): Engine {
  const text = dockerHost === '' ? DOCKER_HOST_DEFAULT : dockerHost;
  const [scheme = '', rest = ''] = text.split('://', 2);
  if (scheme === 'unix') {
    const request = { socketPath: rest, headers: { host: 'docker' } };
    return { base: `http://${encodeURIComponent(rest)}`, dial: `unix ${rest}`, request };
  }
  if (scheme !== 'tcp' && scheme !== 'http') throw new EngineError(`unable to parse docker host ${quoteGo(text)}`);
  const colon = rest.lastIndexOf(':');
  const host = colon < 0 ? rest : rest.slice(0, colon);
  const port = colon < 0 ? 2375 : Number(rest.slice(colon + 1));
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new EngineError(`unable to parse docker host ${quoteGo(text)}`);
  return { base: `http://${rest}`, dial: `tcp ${rest}`, request: { host: host.replace(/^\[|\]$/g, ''), port } };
}

async function createExec(
  engine: Engine,
  container: string,
  command: readonly string[],
  deadline: Deadline,
): Promise<string> {
  const body = { AttachStdin: false, AttachStdout: true, AttachStderr: true, Tty: false, Cmd: command };
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  const { status, text } = await ask(engine, 'POST', path, body, deadline).catch((error: unknown) => {
    throw new EngineError(`create exec failed for container ${container}: ${errorText(error)}`);
  });
  if (status === 404) throw new EngineError(`create exec failed for unknown container ${container}`);
  if (status === 409) throw new EngineError(`create exec failed since container ${container} is paused or stopped`);
  if (status !== 201)
    throw new EngineError(`create exec failed for container ${container} with status ${status}: ${text}`);
  const id = field(text, 'Id');
  if (typeof id === 'string' && id !== '') return id;
  throw new EngineError(`create exec response for container ${container} cannot be parsed: ${text}`);
}

async function startExec(
  engine: Engine,
  container: string,
  id: string,
  output: TailBuffer,
  deadline: Deadline,
): Promise<void> {
  const streams = new AttachDecoder((bytes) => output.write(bytes));
  const path = `/exec/${encodeURIComponent(id)}/start`;
  const { status, text } = await ask(engine, 'POST', path, { Detach: false, Tty: false }, deadline, (bytes) =>
    streams.write(bytes),
  ).catch((error: unknown) => {
    throw new EngineError(`start exec failed for container ${container}: ${errorText(error)}`);
  });
  if (status !== 200) {
    throw new EngineError(
      `start exec failed for container ${container} with status ${status}: body: ${text} err: <nil>`,
    );
  }
}

async function exitCode(engine: Engine, container: string, id: string, deadline: Deadline): Promise<number> {
  const path = `/exec/${encodeURIComponent(id)}/json`;
  const { status, text } = await ask(engine, 'GET', path, undefined, deadline).catch((error: unknown) => {
    throw new EngineError(`inspect exec failed for container ${container}: ${errorText(error)}`);
  });
  if (status !== 200)
    throw new EngineError(`inspect exec failed for container ${container} with status ${status}: ${text}`);
  const code = field(text, 'ExitCode');
  if (typeof code === 'number') return code;
  throw new EngineError(`inspect exec response for container ${container} cannot be parsed: ${text}`);
}

function field(text: string, name: string): unknown {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}

interface EngineAnswer {
  readonly status: number;
  readonly text: string;
}

/** One request. The body of a 200 goes to `onBody` when that is given, else it is collected up to the bound. */
function ask(
  engine: Engine,
  method: string,
  path: string,
  body: unknown,
  deadline: Deadline,
  onBody?: (bytes: Uint8Array) => void,
): Promise<EngineAnswer> {
  const verb = method === 'GET' ? 'Get' : 'Post';
  const payload = body === undefined ? '' : JSON.stringify(body);
  return new Promise((done, fail) => {
    const headers: http.OutgoingHttpHeaders = { ...(engine.request.headers as http.OutgoingHttpHeaders | undefined) };
    if (body !== undefined) headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(payload);
    const request = http.request({ ...engine.request, method, path, headers, agent: false });
    const failWith = (reason: string) => {
      forget();
      request.destroy();
      fail(new EngineError(`${verb} ${quoteGo(engine.base + path)}: ${reason}`));
    };
    const forget = onAbort(deadline.signal, () => queueMicrotask(() => failWith('context deadline exceeded')));
    request.on('error', (error) => {
      if ((error as { syscall?: string }).syscall === 'connect')
        failWith(`dial ${engine.dial}: connect: ${errnoText(error)}`);
      else failWith(error.message === 'socket hang up' ? 'EOF' : errnoText(error));
    });
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      const chunks: Uint8Array[] = [];
      let size = 0;
      response.on('data', (bytes: Uint8Array) => {
        if (status === 200 && onBody !== undefined) return onBody(bytes);
        if (size < DOCKER_ANSWER_SIZE_MAX) chunks.push(bytes.subarray(0, DOCKER_ANSWER_SIZE_MAX - size));
        size += bytes.length;
      });
      response.on('error', (error) => failWith(errnoText(error)));
      response.on('end', () => {
        forget();
        done({ status, text: fromUtf8(concatBytes(chunks)).trimEnd() });
      });
    });
    request.end(payload);
  });
}

const STREAM_HEADER = 8;

/**
 * Takes apart what a command in a container writes:
 *     u8 stream (0 to 2) | 3 x u8 0 | u32be length | length bytes
 * Source: Docker Engine API, "Stream format" of attach. Output that does not begin so comes from a terminal and is
 * passed on as it is. Holds at most one header.
 */
export class AttachDecoder {
  readonly #onBytes: (bytes: Uint8Array) => void;
  #header: Uint8Array = new Uint8Array(0);
  #left = 0;
  #raw: boolean | undefined;

  constructor(onBytes: (bytes: Uint8Array) => void) {
    this.#onBytes = onBytes;
  }

  write(bytes: Uint8Array): void {
    let data = bytes;
    while (data.length > 0) {
      if (this.#raw === true) return this.#onBytes(data);
      if (this.#left > 0) {
        const part = data.subarray(0, this.#left);
        this.#left -= part.length;
        data = data.subarray(part.length);
        this.#onBytes(part);
        continue;
      }
      const header = concatBytes([this.#header, data.subarray(0, STREAM_HEADER - this.#header.length)]);
      if (this.#raw === undefined && !looksLikeHeader(header)) {
        this.#raw = true;
        data = concatBytes([this.#header, data]);
        continue;
      }
      data = data.subarray(header.length - this.#header.length);
      if (header.length < STREAM_HEADER) {
        this.#header = header;
        return;
      }
      this.#raw = false;
      this.#header = new Uint8Array(0);
      this.#left = new DataView(header.buffer, header.byteOffset).getUint32(4);
    }
  }
}

function looksLikeHeader(header: Uint8Array): boolean {
  return header[0]! <= 2 && header.subarray(1, 4).every((byte) => byte === 0);
}
