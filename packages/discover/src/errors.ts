/** Why no addresses could be found: the text begins with `discover` and, for a provider, its name. */
export class DiscoverError extends Error {
  override readonly name = 'DiscoverError';
}
