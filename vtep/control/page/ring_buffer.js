// A list of limited length: adding to a full one removes the oldest item.

export class RingBuffer {
  constructor(capacity) {
    this.capacity = capacity;
    this.items = [];
    this.lost = 0;
  }

  push(item) {
    this.items.push(item);
    if (this.items.length > this.capacity) {
      this.items.shift();
      this.lost += 1;
    }
  }

  /** Remove and return the oldest item; undefined if there is none. */
  take() {
    return this.items.shift();
  }

  clear() {
    this.items = [];
    this.lost = 0;
  }

  get last() {
    return this.items.at(-1);
  }

  get size() {
    return this.items.length;
  }
}
