/** Clouds that addresses may be looked up in, as the log names them. Source: recorded log. */
export const DISCOVERY_METHODS =
  'aliyun aws azure digitalocean gce hcp k8s linode mdns os packet scaleway softlayer tencentcloud triton vsphere';

/** Finds addresses behind a text of the form `provider=NAME key=value ...`. Rejects with an error that tells why. */
export type Discover = (query: string) => Promise<readonly string[]>;

/** Looks addresses up; the code for it is loaded when it is first needed. */
export const discover: Discover = async (query) => (await import('@proconsul/discover')).discover(query);
