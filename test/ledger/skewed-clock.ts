/** Sets the wall clock of a whole process off: `node --import skewed-clock.ts?ms=3600000`. Monotonic clocks and timers are as they were. */
const skewMs = Number(new URL(import.meta.url).searchParams.get('ms'))
const TrueDate = Date

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args: unknown[], as) =>
    Reflect.construct(target, args.length === 0 ? [target.now() + skewMs] : args, as),
  get: (target, name) => (name === 'now' ? () => target.now() + skewMs : Reflect.get(target, name)),
})
