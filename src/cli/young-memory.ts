import { setFlagsFromString } from 'node:v8'

/**
 * Nearly everything that a starting program makes is there to stay. V8 concludes that its memory for what is
 * short-lived should grow, and never gives it back: 7 MB that an idle program has no use for. So it does not
 * grow until the program listens; under load it then does as always.
 */
export function keepYoungMemorySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** V8's own default. */
export function letYoungMemoryGrow(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
}
