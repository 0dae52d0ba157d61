/** Events of this name ask for remote execution. Source: exec command documentation. */
export const REMOTE_EXEC_EVENT = '_rexec';
