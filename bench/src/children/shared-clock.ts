// The clock that all processes of a machine share, so that times of different processes can be compared.

export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
