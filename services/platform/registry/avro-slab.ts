import type { Type } from 'avsc'

export const magicByte = 0
export const headerBytes = 5

const slabBytes = 65_536

/** Writes records one behind the other into shared memory. */
export interface Slab {
  /** 0x00, the schema id, the body. The value is valid: see `refuseInvalid`. */
  write(type: Type, schemaId: number, value: unknown): Buffer
}

/** Memory of its own for each small record costs more than to write it. A slab is freed when the last record in it is. */
export function createSlab(): Slab {
  let slab = Buffer.allocUnsafeSlow(slabBytes)
  let used = 0
  return {
    write(type, schemaId, value) {
      let end = type.encode(value, slab, used + headerBytes)
      if (end <= 0) {
        // What is missing is said as a negative number. Half a slab is no place for others.
        const needed = slab.length - used - end
        const isLarge = needed > slabBytes / 2
        const fresh = Buffer.allocUnsafeSlow(isLarge ? needed : slabBytes)
        end = type.encode(value, fresh, headerBytes)
        if (isLarge) return framed(fresh, 0, end, schemaId)
        slab = fresh
        used = 0
      }
      const begin = used
      used = end
      return framed(slab, begin, end, schemaId)
    },
  }
}

function framed(memory: Buffer, begin: number, end: number, schemaId: number): Buffer {
  memory[begin] = magicByte
  memory.writeUInt32BE(schemaId, begin + 1)
  return memory.subarray(begin, end)
}
