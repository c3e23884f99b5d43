// Addresses as people write them: `host:port`, with brackets around an IPv6 host.
//
// Always true: what `parseAddress` returns can be given to the system as it is; everything else is a reason in words.

export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  readonly host: string
  /** 1 to 65535; 0 only where the system may choose. */
  readonly port: number
}

const PATTERN = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/

/** Reads `host:port`. Returns the address, or the reason why it is none. */
export function parseAddress(text: string, lowestPort: 0 | 1 = 1): Address | string {
  const match = PATTERN.exec(text)
  if (!match) return `"${text}" is not host:port (an IPv6 host goes into brackets: [::1]:7101)`
  const host = (match[1] ?? match[2])!
  const port = Number(match[3])
  if (port < lowestPort || port > 65_535) return `"${text}" has a port outside of ${lowestPort} to 65535`
  return { host, port }
}
