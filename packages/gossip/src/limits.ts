/** Meta of a member. Source: gossip wire, section 2. */
export const META_BYTES_MAX = 512;
/** Name of a member, in UTF-16 units. Alive messages with longer ones are ignored. */
export const NAME_CHARS_MAX = 512;
/** Members that are remembered at one time. Alive messages about further ones are ignored. */
export const MEMBERS_MAX = 65_536;
/** What a packet may grow to when its compression is undone. */
export const PACKET_PLAIN_BYTES_MAX = 128 * 1024;
/** Nesting of compound, compression and checksum in one packet. Senders nest three deep. */
export const PACKET_DEPTH_MAX = 8;
/** Messages of one packet, over all its nested compounds. */
export const PACKET_PARTS_MAX = 4096;
/** A message on a stream, as it comes and as it is after decryption and decompression. */
export const STREAM_BYTES_MAX = 20 * 1024 * 1024;
/** Bytes that all streams together may hold, decompressed ones included, from their arrival until they have been dealt with. */
export const STREAM_BYTES_TOTAL_MAX = 64 * 1024 * 1024;
/** Incoming streams that are open at one time. */
export const STREAMS_MAX = 512;
/** Full exchanges that others may have under way with us. Source: gossip wire, section 2.4. */
export const PUSH_PULLS_MAX = 128;
/** One node state of a full exchange, and its header. */
export const STREAM_VALUE_BYTES_MAX = 16 * 1024;
/** State messages (alive apart from the others) that wait to be handled. Source: gossip wire, section 3, defaults. */
export const HANDOFF_MAX = 1024;
/** State messages that are handled in one turn of the event loop. */
export const HANDOFF_SLICE = 64;
/** Probes of ours, and those made for others, that wait for an acknowledgement. */
export const PENDING_ACKS_MAX = 8192;
/** Node states that are merged in one turn of the event loop. */
export const MERGE_SLICE = 512;
/** Bytes that are decompressed in one turn of the event loop, of one stream at a time. */
export const DECOMPRESS_SLICE_BYTES = 1024 * 1024;
/** What a message on a stream may become before it has to wait until others have been decompressed. */
export const DECOMPRESSED_AT_ONCE_BYTES = 128 * 1024;
/** Messages that one broadcast queue may hold; beyond it those sent most often go first. */
export const BROADCASTS_MAX = 32_768;
