// The last so many of something: memory in the browser is bounded.

export class RingBuffer {
  constructor(most) {
    this.most = most;
    this.items = [];
    this.lost = 0;
  }

  push(item) {
    this.items.push(item);
    if (this.items.length > this.most) {
      this.items.shift();
      this.lost += 1;
    }
  }

  /** Take out the oldest; undefined when there is none. */
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
