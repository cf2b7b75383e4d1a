// Numbers, times and sizes as people read them.
'use strict';

function bytes(count) {
  if (count >= 2 ** 30) return (count / 2 ** 30).toFixed(1) + ' GiB';
  if (count >= 2 ** 20) return (count / 2 ** 20).toFixed(0) + ' MiB';
  return (count / 2 ** 10).toFixed(0) + ' KiB';
}

function duration(seconds) {
  if (seconds === undefined || seconds === null) return '';
  if (seconds < 10) return seconds.toFixed(2) + ' s';
  if (seconds < 120) return seconds.toFixed(0) + ' s';
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return minutes + ' min';
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return hours + ' h ' + minutes % 60 + ' min';
  return Math.floor(hours / 24) + ' d ' + hours % 24 + ' h';
}

function isNumber(value) {
  return value !== undefined && value !== null && !Number.isNaN(value);
}

function number(value) {
  return isNumber(value) ? value.toPrecision(4) : '–';
}

// "1.00e-4"
function scientific(value) {
  return isNumber(value) ? value.toExponential(2) : '–';
}

function count(value) {
  return value.toLocaleString('en-US').replaceAll(',', '\u202f');
}

function percent(part, whole) {
  return whole > 0 ? Math.round(100 * part / whole) + ' %' : '–';
}

// An hour of today, or a day and an hour; `seconds` are since the epoch.
function moment(seconds, now) {
  const time = new Date(1000 * seconds);
  const clock = {hour: '2-digit', minute: '2-digit'};
  if (time.toDateString() === new Date(1000 * now).toDateString()) {
    return time.toLocaleTimeString([], clock);
  }
  return time.toLocaleString([],
      {weekday: 'short', day: 'numeric', month: 'short', ...clock});
}

// A number beside an axis: as few digits as tell it from its neighbours.
function axisNumber(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) {
    return value.toExponential(1).replace('.0e', 'e');
  }
  return String(Number(value.toPrecision(3)));
}

function axisStep(value) {
  if (value % 1 !== 0) return '';
  return value >= 10000 && value % 1000 === 0 ? value / 1000 + 'k'
                                              : String(value);
}
