import { type Consul, OptionsError } from '@proconsul/client';
import { consulFromEnv } from '@proconsul/client/node';
import type { FlagTable, ParsedFlags } from './flags.ts';
import { goError } from './go-error.ts';
import { connectionOptions, type HttpUse } from './http-flags.ts';
import type { Io } from './io.ts';

/** A command that runs on parsed flags. `F` are its own flags; the common ones are named by `http`. */
export interface Command<F extends FlagTable = FlagTable> {
  /** The words that call it, such as `kv get`. */
  readonly name: string;
  /** What follows `consul NAME ` in the first line of its help. */
  readonly args: string;
  /** Its help in prose: lines as they are, indented by two where shown. */
  readonly help: string;
  readonly flags: F;
  /** Set on commands that talk to an agent. */
  readonly http?: HttpUse;
  /** What goes before the text of a flag error when it is printed again after the list of flags. */
  readonly flagErrorPrefix?: string;
  /** Set where `-help=x` is answered with 0. */
  readonly helpIsRight?: boolean;
  /** Exit code for bad flags, where it is not 1. */
  readonly flagErrorCode?: number;
  run(context: Context<F>): Promise<number>;
}

/** Types a command by its own flag table. */
export function command<F extends FlagTable>(definition: Command<F>): Command {
  return definition as unknown as Command;
}

/** A command that parses its own arguments, such as `agent`. */
export interface RawCommand {
  help(): string;
  run(args: readonly string[], io: Io): Promise<number>;
}

/** What a command runs on. */
export class Context<F extends FlagTable = FlagTable> {
  readonly io: Io;
  readonly flags: ParsedFlags<F>;
  /** Names of the flags that were given, to tell a given zero from none. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  readonly #help: () => string;
  #consul: Consul | undefined;

  constructor(
    io: Io,
    parsed: { values: object; given: ReadonlySet<string>; args: readonly string[] },
    help: () => string,
  ) {
    this.io = io;
    this.flags = parsed.values as ParsedFlags<F>;
    this.given = parsed.given;
    this.args = parsed.args;
    this.#help = help;
  }

  /** The agent's API, as flags and environment say. Throws {@link CommandError} when they cannot be used. */
  get consul(): Consul {
    this.#consul ??= connect(this.io, this.flags);
    return this.#consul;
  }

  /** One line on standard output. */
  print(line: string): void {
    this.io.write(`${line}\n`);
  }

  /** One line on standard error. */
  warn(line: string): void {
    this.io.writeError(`${line}\n`);
  }

  /** Prints one line on standard error and gives exit code 1. */
  fail(line: string): number {
    this.warn(line);
    return 1;
  }

  /** The command's help. */
  help(): string {
    return this.#help();
  }

  /** As {@link fail}, then an empty line and the command's help. */
  failWithHelp(line: string): number {
    this.warn(line);
    this.warn('');
    this.warn(this.#help());
    return 1;
  }

  /** Prints the command's help on standard error and gives exit code 1. */
  usage(): number {
    this.warn(this.#help());
    return 1;
  }

  /** Runs `action`; what it throws becomes a CommandError whose text begins with `prefix`. */
  async attempt<T>(prefix: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError(`${prefix}${goError(error)}`);
    }
  }
}

/** Ends a command: the text goes to standard error. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

function connect(io: Io, flags: object): Consul {
  try {
    const warn = (name: string, text: string) => {
      const reason = `strconv.ParseBool: parsing \\"${text}\\": invalid syntax`;
      const stamp = new Date().toISOString();
      io.writeError(`${stamp} [WARN]  consul-api: could not parse ${name}: error="${reason}"\n`);
    };
    const options = connectionOptions(flags as Record<string, string>);
    return consulFromEnv(io.env, options, { warn, transport: io.transport });
  } catch (error) {
    if (error instanceof OptionsError) throw new CommandError(`Error connecting to Consul agent: ${error.message}`);
    throw error;
  }
}
