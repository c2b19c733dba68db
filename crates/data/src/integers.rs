//! Columns of integers of whatever width, as classes and places in a text come.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::DataType;

/// The numbers of a column of any integer type, or none if it is of another; what does not fit 64 bits is the largest.
pub(crate) fn integers_of(column: &dyn Array) -> Option<Vec<Option<i64>>> {
    fn all<T: ArrowPrimitiveType>(column: &dyn Array) -> Vec<Option<i64>>
    where
        T::Native: TryInto<i64>,
    {
        let numbers = column.as_primitive::<T>();
        numbers.iter().map(|number| number.map(|number| number.try_into().unwrap_or(i64::MAX))).collect()
    }
    Some(match column.data_type() {
        DataType::Int8 => all::<Int8Type>(column),
        DataType::Int16 => all::<Int16Type>(column),
        DataType::Int32 => all::<Int32Type>(column),
        DataType::Int64 => all::<Int64Type>(column),
        DataType::UInt8 => all::<UInt8Type>(column),
        DataType::UInt16 => all::<UInt16Type>(column),
        DataType::UInt32 => all::<UInt32Type>(column),
        DataType::UInt64 => all::<UInt64Type>(column),
        _ => return None,
    })
}
